variable "name" {
  description = "Lake and environment, such as `shop-dev`: the prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 20
    error_message = "name must be lower-case words joined by hyphens, at most 20 characters: S3 refuses longer bucket names later."
  }
}

variable "kms_key_arn" {
  description = "ARN of the lake's KMS key."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not an alias: services compare it with the key that an object names."
  }
}

variable "emails" {
  description = "Addresses that hear of everything."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "emails must be addresses such as data@example.com."
  }
}

variable "dms_tasks" {
  description = "DMS tasks by name: ARN and the dimensions of their metrics."
  type        = map(object({ arn = string, dimensions = map(string) }))
  default     = {}
  nullable    = false
}

variable "datasync_tasks" {
  description = "ARNs of DataSync tasks, by any name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "glue_jobs" {
  description = "Names of Glue jobs, by any key."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "crawlers" {
  description = "Names of crawlers, by any key."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "workgroups" {
  description = "Names of Athena's workgroups, by any key."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "rule_sets" {
  description = "Names of rule sets of Glue Data Quality, by any key."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "lag_minutes" {
  description = "How old changes may be when DMS has them."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.lag_minutes >= 1
    error_message = "lag_minutes must be at least 1: DMS writes files once a minute."
  }
}

variable "merge_minutes" {
  description = "The longest time between two runs of the job that merges, by its schedule: none in three such times is told. Nothing is told without it."
  type        = number
  default     = null

  validation {
    condition     = try(var.merge_minutes >= 1 && var.merge_minutes <= 1440 && floor(var.merge_minutes) == var.merge_minutes, var.merge_minutes == null)
    error_message = "merge_minutes must be a whole number from 1 to 1440: CloudWatch compares spans of a day at most."
  }
}

variable "capture_minutes" {
  description = "How long ago what the job finds in raw may have been written. Nothing is told without it."
  type        = number
  default     = null

  validation {
    condition     = try(var.capture_minutes >= 1, var.capture_minutes == null)
    error_message = "capture_minutes must be at least 1: an idle capture writes once a minute."
  }
}

variable "bucket_limits_gb" {
  description = "Buckets, by any key, and the sizes in GB above which they are worth a look."
  type        = map(object({ name = string, gb = number }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for bucket in values(var.bucket_limits_gb) : bucket.gb > 0])
    error_message = "bucket_limits_gb: `gb` must be above 0."
  }
}

variable "trail" {
  description = "A trail of all API calls to this bucket and prefix of logs, with the objects (ARNs that end in a slash) whose every access is told. Leave it out where the account has one."
  type = object({
    bucket    = string
    prefix    = optional(string, "")
    data_arns = optional(list(string), [])
  })
  default = null

  validation {
    condition     = try(alltrue([for arn in var.trail.data_arns : can(regex("^arn:aws[a-z-]*:s3:::.+/", arn))]), var.trail == null)
    error_message = "trail: `data_arns` must be ARNs of buckets' objects, such as arn:aws:s3:::BUCKET/."
  }
}

variable "budget" {
  description = "Monthly budget of everything with this tag, told at 80 % of it and when it is forecast to be passed. The tag must be active as a cost allocation tag."
  type        = object({ monthly_usd = number, tag_key = string, tag_value = string })
  default     = null

  validation {
    condition     = try(var.budget.monthly_usd > 0, var.budget == null)
    error_message = "budget: `monthly_usd` must be above 0."
  }
}

variable "anomaly_usd" {
  description = "Tell of unusual costs of this much and more. An account has one such monitor."
  type        = number
  default     = null

  validation {
    condition     = try(var.anomaly_usd > 0, var.anomaly_usd == null)
    error_message = "anomaly_usd must be above 0."
  }
}
