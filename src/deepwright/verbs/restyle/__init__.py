"""Style transfer between two pictures, without a run and without pretrained weights."""
