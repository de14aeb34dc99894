"""What turns a path, a list or a stream into chunks."""
