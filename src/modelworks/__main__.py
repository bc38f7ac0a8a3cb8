"""`python -m modelworks`."""

from modelworks.cli.main import main

if __name__ == "__main__":
    main()
