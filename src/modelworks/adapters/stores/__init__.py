"""Places where machines share artifacts. One file a scheme."""
