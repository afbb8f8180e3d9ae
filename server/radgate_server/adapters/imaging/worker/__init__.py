"""The program that a worker runs, and the words that it and the server exchange. Nothing heavy is imported here."""
