"""Pictures in a conversation: found, fetched, checked, and put as the model's target takes them."""
