"""Events out of Kafka: stretches between offsets of our own keeping, read by librdkafka, each event once."""
