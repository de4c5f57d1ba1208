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
  description = "The output `lake` of the stack lake."
  type = object({
    kms_key_arn        = string
    topic_arn          = string
    raw                = object({ bucket = string, bucket_arn = string, prefix = string })
    logs               = object({ bucket_arn = string, prefix = string })
    subnet_ids         = list(string)
    security_group_ids = map(string)
    disposable         = bool
  })
  nullable = false
}

variable "transfers" {
  description = "Transfers by name: where files come from, which ones, to which folder of raw's datasync/ (the name of the source in lake.yaml) and when, as the module datasync takes it."
  type = map(object({
    folder           = string
    patterns         = optional(list(string), [])
    schedule         = optional(string, "rate(1 hour)")
    bytes_per_second = optional(number, -1)
    keep_deleted     = optional(bool, true)
    source_location = object({
      nfs              = optional(object({ server = string, path = string, agent_arns = list(string) }))
      s3               = optional(object({ bucket_arn = string, prefix = string }))
      smb_location_arn = optional(string)
    })
  }))
  nullable = false

  validation {
    condition     = alltrue([for transfer in values(var.transfers) : can(regex("^[a-z0-9_-]+/$", transfer.folder))])
    error_message = "transfers: `folder` must be one folder with a slash behind, such as exports/."
  }
  validation {
    condition     = length(distinct([for transfer in values(var.transfers) : transfer.folder])) == length(var.transfers)
    error_message = "transfers: two go to one folder, where each would write over the other's files."
  }
}

variable "log_days" {
  description = "Days for which the tasks' logs are kept."
  type        = number
  default     = 365
  nullable    = false
}
