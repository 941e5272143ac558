"""Puts shows on Kafka: profiles, the seeded generator, pacing, the publisher, the truth."""
