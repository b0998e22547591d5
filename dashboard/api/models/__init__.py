"""What comes in and goes out: these models check requests and describe the API."""
