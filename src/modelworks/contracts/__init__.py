"""What leaves must offer: the architecture on a few short pages. No logic beyond checking, nothing heavy imported."""
