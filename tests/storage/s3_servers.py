"""S3 in tests: moto's server in this process, SeaweedFS in one of its own, and a proxy before either that makes faults."""
