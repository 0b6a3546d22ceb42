"""Training: one loop, its optimizer, schedule, data loader and state."""
