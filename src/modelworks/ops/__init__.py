"""The closed, versioned vocabulary of pure numpy operations that programs are made of. One file an area."""
