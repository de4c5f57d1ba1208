variable "name" {
  description = "Lake and environment, such as `shop-dev`: the prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 20
    error_message = "name must be lower-case words joined by hyphens, at most 20 characters: S3 refuses longer bucket names later."
  }
}

variable "lake" {
  description = "The output `lake` of the stack lake. The copies go to the region of the provider `aws.replica`."
  type = object({
    region      = string
    kms_key_arn = string
    zones       = map(object({ holds = string, bucket_arn = string, transitions = map(number), expire_days = optional(number) }))
    one_bucket  = bool
    disposable  = bool
  })
  nullable = false

  validation {
    condition     = var.lake.region != data.aws_region.there.name
    error_message = "lake: the provider aws.replica must have another region than the lake, which is in ${var.lake.region} too."
  }
}
