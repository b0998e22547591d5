"""The dashboard: Dash pages over the store; it knows no torch and no flow code."""
