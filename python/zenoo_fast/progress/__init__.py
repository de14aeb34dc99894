"""Progress reporters: who is told how a run goes."""
