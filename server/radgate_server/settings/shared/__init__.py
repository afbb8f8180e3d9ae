"""What settings of several subjects are made of, and how they are found in the environment."""
