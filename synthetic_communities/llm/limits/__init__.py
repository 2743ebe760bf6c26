"""What an account may ask of a model, told or learnt, and how calls wait for it."""
