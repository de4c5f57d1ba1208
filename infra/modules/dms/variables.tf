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

variable "source_name" {
  description = "Name of the source, the last part of the names of its endpoints and task."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.source_name)) && length(var.source_name) <= 30
    error_message = "source_name must be lower-case words joined by single hyphens, at most 30 characters: DMS takes no other."
  }
}

variable "instance" {
  description = "A replication instance. It cannot be stopped, only deleted. Versions expire within two years, so name one only if you must."
  type = object({
    class          = optional(string, "dms.t3.medium")
    storage_gb     = optional(number, 50)
    multi_az       = optional(bool, false)
    engine_version = optional(string)
  })
  default = null

  validation {
    condition     = (var.instance == null) != (var.serverless == null)
    error_message = "instance or serverless: name one, what the task runs on."
  }
  validation {
    condition     = try(can(regex("^dms\\.[a-z][0-9][a-z]*\\.[a-z0-9]+$", var.instance.class)) && var.instance.storage_gb >= 5 && var.instance.storage_gb <= 6144, var.instance == null)
    error_message = "instance: `class` must be one of DMS, such as dms.t3.medium, and `storage_gb` between 5 and 6144."
  }
  validation {
    condition     = !can(regex("^3\\.[0-5]\\.", var.instance.engine_version))
    error_message = "instance: `engine_version` has expired, DMS makes no new instance of it: leave it out for the newest."
  }
}

variable "serverless" {
  description = "Serverless capacity units, between which DMS moves by itself."
  type = object({
    min_capacity = optional(number, 1)
    max_capacity = number
    multi_az     = optional(bool, false)
  })
  default = null

  validation {
    condition = try(
      contains(local.units, var.serverless.min_capacity) && contains(local.units, var.serverless.max_capacity) && var.serverless.min_capacity <= var.serverless.max_capacity,
      var.serverless == null
    )
    error_message = "serverless: capacities must be 1, 2, 4, 8, 16, 32, 64, 128, 192, 256 or 384, the smaller first."
  }
}

variable "subnet_ids" {
  description = "Private subnets, in two availability zones or more."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids: DMS needs two subnets in two availability zones."
  }
}

variable "security_group_ids" {
  description = "Security groups that let DMS reach the database, the endpoints and S3."
  type        = list(string)
  nullable    = false
}

variable "database" {
  description = "The database; host, port, user and password are in its secret, which the role may open. A verified connection needs the certificate of the authority."
  type = object({
    name               = string
    secret_arn         = string
    secret_role_arn    = string
    ssl_mode           = optional(string, "require")
    ca_certificate_pem = optional(string)
    heartbeat_schema   = optional(string, "public")
  })
  nullable = false

  validation {
    condition     = contains(["require", "verify-ca", "verify-full"], var.database.ssl_mode)
    error_message = "database: `ssl_mode` must be require, verify-ca or verify-full: rows do not travel in the clear."
  }
  validation {
    condition     = var.database.ssl_mode == "require" || var.database.ca_certificate_pem != null
    error_message = "database: `ssl_mode` verify-ca and verify-full need `ca_certificate_pem`."
  }
}

variable "table_mappings" {
  description = "Table mappings as DMS takes them, in JSON, which `lakewright deploy render` writes: a rule for each table, and one that adds `_position`."
  type        = string
  nullable    = false

  validation {
    condition     = try(length([for rule in jsondecode(var.table_mappings).rules : rule if rule.rule-type == "selection"]) > 0, false)
    error_message = "table_mappings must be JSON with a selection rule at least."
  }
  validation {
    condition = try(alltrue([
      for rule in jsondecode(var.table_mappings).rules : !can(regex("[%_]", replace(rule.object-locator.table-name, "/\\[.\\]/", ""))) if rule.rule-type == "selection"
    ]), true)
    error_message = "table_mappings: tables are named one by one, without wildcards, of which an underscore is one: what a wildcard catches changes with the database."
  }
  validation {
    condition     = try(anytrue([for rule in jsondecode(var.table_mappings).rules : rule.rule-type == "transformation" && try(rule.value, "") == "_position"]), true)
    error_message = "table_mappings: no rule adds `_position`, without which nobody knows the order of changes."
  }
}

variable "task_settings" {
  description = "Settings of the task as DMS takes them, in JSON, which `lakewright deploy render` writes; what it leaves out is as DMS has it."
  type        = string
  nullable    = false

  validation {
    condition     = try(jsondecode(var.task_settings).TargetMetadata.FullLobMode != jsondecode(var.task_settings).TargetMetadata.LimitedSizeLobMode, false)
    error_message = "task_settings must be JSON with exactly one of FullLobMode and LimitedSizeLobMode: DMS refuses a task with neither."
  }
  validation {
    condition     = try(jsondecode(var.task_settings).FullLoadSettings.TargetTablePrepMode == "DO_NOTHING", true)
    error_message = "task_settings: `TargetTablePrepMode` must be DO_NOTHING: the other modes delete a table's folder in raw when it is loaded again."
  }
}

variable "target" {
  description = "Bucket and folder of the raw zone that changes go to, and the role that may write there."
  type        = object({ bucket = string, folder = string, role_arn = string })
  nullable    = false

  validation {
    condition     = can(regex("^([^/]+/)*dms/[^/]+$", var.target.folder)) && endswith(var.target.folder, "/${var.source_name}")
    error_message = "target: `folder` must be a path without slashes at its ends that ends in dms/ and the source's name: there the merge takes what DMS wrote."
  }
}

variable "topic_arn" {
  description = "ARN of the topic that hears of failures."
  type        = string
  nullable    = false
}

variable "flush_seconds" {
  description = "Longest time for which DMS collects changes before it writes a file."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.flush_seconds >= 0 && var.flush_seconds <= 120
    error_message = "flush_seconds must be between 0 and 120: three minutes after a file the merge relies on all earlier changes to be there."
  }
}

variable "start" {
  description = "Start the task with the apply: it loads all tables, then follows."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_days" {
  description = "Days for which the task's log is kept, one of the numbers that CloudWatch has."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days must be a number of days that CloudWatch has, such as 30, 90 or 365."
  }
}
