"""Operations on what keys refer to: scopes with their routes, tiers, and the channels of organisations."""
