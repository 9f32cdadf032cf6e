"""Who used which model, how much of it, and what that costs."""
