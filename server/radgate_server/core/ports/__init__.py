"""What the services need from the world outside, one small protocol for each role."""
