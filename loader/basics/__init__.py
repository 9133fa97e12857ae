"""What every folder may use: errors, quantities, moments, work beside other work. Imports nothing of ours."""
