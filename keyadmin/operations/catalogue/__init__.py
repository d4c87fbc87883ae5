"""Operations on what keys are made of: scopes with their routes, tiers, and the channels of organisations."""
