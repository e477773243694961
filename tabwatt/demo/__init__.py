"""A look at tabwatt without a model: a fake upstream of every API family, and simulated editors."""
