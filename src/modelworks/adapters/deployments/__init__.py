"""Systems on which a release is put. One file a system."""
