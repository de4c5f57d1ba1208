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

variable "role_arn" {
  description = "Role of the jobs."
  type        = string
  nullable    = false
}

variable "logs_uri" {
  description = "Folder of the logs zone for Spark's event logs and temporary files."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^s3://[^/]+/.*/$", var.logs_uri))
    error_message = "logs_uri must be an S3 folder such as s3://BUCKET/glue/."
  }
}

variable "jobs" {
  description = "Jobs by name: the script, its arguments, at most how many workers, and after which other jobs it runs."
  type = map(object({
    description     = string
    script_uri      = string
    arguments       = optional(map(string), {})
    worker_type     = optional(string, "G.1X")
    max_workers     = optional(number, 4)
    timeout_minutes = optional(number, 60)
    retries         = optional(number, 1)
    flexible        = optional(bool, false)
    after           = optional(list(string), [])
  }))
  nullable = false

  validation {
    condition     = alltrue([for job in values(var.jobs) : can(regex("^s3://[^/]+/.+\\.py$", job.script_uri))])
    error_message = "jobs: `script_uri` must be a Python file on S3."
  }
  validation {
    condition     = alltrue([for job in values(var.jobs) : contains(["G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X"], job.worker_type)])
    error_message = "jobs: `worker_type` must be one of Spark's, G.1X to G.16X."
  }
  validation {
    condition     = alltrue([for job in values(var.jobs) : job.max_workers >= 2 && job.max_workers <= 299])
    error_message = "jobs: `max_workers` must be between 2, a driver and an executor, and 299."
  }
  validation {
    condition     = alltrue([for job in values(var.jobs) : job.timeout_minutes >= 1 && job.timeout_minutes <= 10080])
    error_message = "jobs: `timeout_minutes` must be between 1 and 10080, seven days."
  }
  validation {
    condition     = alltrue(flatten([for name, job in var.jobs : [for other in job.after : other != name && contains(keys(var.jobs), other)]]))
    error_message = "jobs: `after` must name other jobs of this map."
  }
  validation {
    condition     = anytrue([for job in values(var.jobs) : length(job.after) == 0])
    error_message = "jobs: one at least must be after no other, or nothing ever starts."
  }
  validation {
    condition = alltrue(flatten([for job in values(var.jobs) : [
      for argument in keys(job.arguments) : startswith(argument, "--") && !contains(["--conf", "--datalake-formats", "--job-bookmark-option"], argument)
    ]]))
    error_message = "jobs: arguments begin with two hyphens, and --conf, --datalake-formats and --job-bookmark-option are the module's: Hudi depends on them."
  }
}

variable "files" {
  description = "Texts that the jobs read, by their key in a bucket. Scripts and packages are uploaded beside them."
  type        = object({ bucket = optional(string), texts = optional(map(string), {}) })
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.files.texts) == 0 || var.files.bucket != null
    error_message = "files: `texts` need a `bucket`."
  }
}

variable "start" {
  description = "What starts the workflow: `by` is schedule (a cron expression in UTC), arrival (of objects under bucket and prefix, by a role of EventBridge) or demand."
  type = object({
    by            = string
    enabled       = optional(bool, true)
    schedule      = optional(string)
    bucket        = optional(string)
    prefix        = optional(string, "")
    role_arn      = optional(string)
    batch_size    = optional(number, 100)
    batch_seconds = optional(number, 300)
  })
  default  = { by = "demand" }
  nullable = false

  validation {
    condition     = contains(["schedule", "arrival", "demand"], var.start.by)
    error_message = "start: `by` must be schedule, arrival or demand."
  }
  validation {
    condition     = var.start.by != "schedule" || can(regex("^cron\\([^ ]+( [^ ]+){5}\\)$", var.start.schedule))
    error_message = "start: by schedule needs a cron expression of six fields in UTC, such as cron(0/15 * * * ? *)."
  }
  validation {
    condition     = !can(regex("^cron\\(([*]|[*0-9]+/[1-4]) ", var.start.schedule))
    error_message = "start: Glue starts a schedule every five minutes at most."
  }
  validation {
    condition     = var.start.by != "arrival" || (var.start.bucket != null && var.start.role_arn != null)
    error_message = "start: by arrival needs `bucket` and `role_arn`."
  }
  validation {
    condition     = var.start.batch_size >= 1 && var.start.batch_size <= 100 && var.start.batch_seconds >= 0 && var.start.batch_seconds <= 900
    error_message = "start: `batch_size` must be between 1 and 100, `batch_seconds` between 0 and 900."
  }
}

variable "network" {
  description = "Subnet for the jobs to run in, where they must reach something in the VPC. Without it they start sooner. Their role then needs `network` of the module iam."
  type        = object({ subnet_id = string, availability_zone = string, security_group_ids = list(string) })
  default     = null
}

variable "log_days" {
  description = "Days for which the jobs' log is kept, one of the numbers that CloudWatch has."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days must be a number of days that CloudWatch has, such as 30, 90 or 365."
  }
}
