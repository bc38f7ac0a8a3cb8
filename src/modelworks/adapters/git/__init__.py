"""Git: what a commit may hold, how our files are shown in a diff, and how two locks are merged. One file each."""
