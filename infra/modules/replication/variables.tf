variable "name" {
  description = "Lake and environment, such as `shop-dev`: the prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 20
    error_message = "name must be lower-case words joined by hyphens, at most 20 characters: S3 refuses longer bucket names later."
  }
}

variable "replicas" {
  description = "What to copy, by a name of your choice: versioned buckets here and in the other region, each with the key that encrypts it."
  type = map(object({
    source = object({ bucket_arn = string, kms_key_arn = string })
    target = object({ bucket_arn = string, kms_key_arn = string })
  }))
  nullable = false

  validation {
    condition     = length(var.replicas) > 0
    error_message = "replicas must name at least one bucket: without any leave the module out."
  }
  validation {
    condition     = alltrue([for replica in values(var.replicas) : replica.source.bucket_arn != replica.target.bucket_arn])
    error_message = "replicas: S3 does not copy a bucket into itself."
  }
  validation {
    condition     = length(distinct([for replica in values(var.replicas) : replica.source.bucket_arn])) == length(var.replicas)
    error_message = "replicas: a bucket has one replication configuration, so it is named once."
  }
}
