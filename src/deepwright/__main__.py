"""python -m deepwright, and torchrun -m deepwright for several processes."""

from deepwright.cli import main

if __name__ == "__main__":
    main()
