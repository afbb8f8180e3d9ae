"""The tier of thumbnails and transcoded instances on the local disk."""
