"""The engine: jobs in, outcomes out. Everything between a source of chunks and a transport."""
