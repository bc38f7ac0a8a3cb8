"""The work between artifacts. Stages never import each other: they meet through artifacts."""
