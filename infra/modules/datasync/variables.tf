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

variable "task_name" {
  description = "Name of the transfer, the last part of its task's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.task_name))
    error_message = "task_name must be lower-case words joined by hyphens."
  }
}

variable "source_location" {
  description = "Where files come from, one of three: an NFS share with its agents; a bucket and prefix, which the role of the target may read; an SMB location by its ARN, made outside because state would hold its password."
  type = object({
    nfs              = optional(object({ server = string, path = string, agent_arns = list(string) }))
    s3               = optional(object({ bucket_arn = string, prefix = string }))
    smb_location_arn = optional(string)
  })
  nullable = false

  validation {
    condition     = length([for location in [var.source_location.nfs, var.source_location.s3, var.source_location.smb_location_arn] : location if location != null]) == 1
    error_message = "source_location: exactly one of nfs, s3 and smb_location_arn."
  }
  validation {
    condition     = try(startswith(var.source_location.nfs.path, "/") && length(var.source_location.nfs.agent_arns) > 0 && alltrue([for arn in var.source_location.nfs.agent_arns : can(regex(":datasync:.*:agent/agent-", arn))]), var.source_location.nfs == null)
    error_message = "source_location: nfs needs an absolute `path` and the ARN of an activated agent, such as arn:aws:datasync:...:agent/agent-0123456789abcdef0."
  }
}

variable "target" {
  description = "Bucket and folder of the raw zone, and the role that may write there."
  type        = object({ bucket_arn = string, prefix = string, role_arn = string })
  nullable    = false

  validation {
    condition     = endswith(var.target.prefix, "/") && !startswith(var.target.prefix, "/")
    error_message = "target: `prefix` must be a folder such as datasync/exports/, never the whole bucket."
  }
}

variable "report" {
  description = "Bucket and folder of the logs zone for the report of each run, and the role that may write there."
  type        = object({ bucket_arn = string, prefix = string, role_arn = string })
  nullable    = false
}

variable "patterns" {
  description = "Which files, such as `orders/2026*`; without any all of them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = !anytrue([for pattern in var.patterns : strcontains(pattern, "|")])
    error_message = "patterns are a list: a bar inside one would divide it."
  }
  validation {
    condition     = alltrue([for pattern in var.patterns : can(regex("^[^*]*[*]?$", pattern))])
    error_message = "patterns may have a wildcard as their last character alone: DataSync takes no other, such as *.csv."
  }
}

variable "schedule" {
  description = "When it runs, `rate(1 hour)` or longer, or a cron expression in UTC; without one it runs when it is started."
  type        = string
  default     = "rate(1 hour)"

  validation {
    condition = var.schedule == null || anytrue([
      can(regex("^rate\\((1 hour|1 day|[1-9][0-9]+ (hours|days)|[2-9] (hours|days))\\)$", var.schedule)),
      can(regex("^cron\\([0-5]?[0-9] [^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+\\)$", var.schedule)),
    ])
    error_message = "schedule must be an hour at least, as in rate(1 hour), rate(2 hours) or cron(15 * * * ? *): DataSync runs a task no more often."
  }
}

variable "bytes_per_second" {
  description = "Bandwidth it may take; -1 is all there is."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = var.bytes_per_second == -1 || var.bytes_per_second >= 1048576
    error_message = "bytes_per_second must be -1, for no limit, or at least 1048576, a MB."
  }
}

variable "keep_deleted" {
  description = "Whether a file that was deleted on the share stays in raw."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_days" {
  description = "Days for which the log is kept, one of the numbers that CloudWatch has."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days must be a number of days that CloudWatch has, such as 30, 90 or 365."
  }
}
