"""Changes of an input that should not change the answer, one file each; a task names those that make sense for it."""
