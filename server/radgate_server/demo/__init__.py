"""`radgate demo`: an archive over example images, a viewer, and Radgate between them. Nothing else imports it."""
