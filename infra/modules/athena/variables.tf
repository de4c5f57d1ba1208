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

variable "results_uri" {
  description = "Folder of the results zone; each workgroup has its own below it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^s3://[^/]+/(.*/)?$", var.results_uri))
    error_message = "results_uri must be an S3 folder such as s3://BUCKET/."
  }
}

variable "workgroups" {
  description = "Workgroups by name, with the most that one of their queries may scan in MB."
  type        = map(object({ description = string, scan_limit_mb = number }))
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.workgroups) : can(regex("^[a-z][a-z0-9-]{0,60}$", name)) && name != "primary"])
    error_message = "workgroups must be named with lower-case letters, digits and hyphens; `primary` is AWS's own."
  }
  validation {
    condition     = alltrue([for workgroup in values(var.workgroups) : workgroup.scan_limit_mb >= 10])
    error_message = "workgroups: `scan_limit_mb` must be at least 10: Athena takes no lower limit."
  }
}

variable "queries" {
  description = "Saved queries by name, in Athena's SQL."
  type        = map(object({ workgroup = string, database = string, sql = string, description = optional(string) }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for query in values(var.queries) : contains(keys(var.workgroups), query.workgroup)])
    error_message = "queries: `workgroup` must be one of `workgroups`."
  }
  validation {
    condition     = alltrue([for name, query in var.queries : length(name) <= 128 && length(query.sql) > 0 && length(query.sql) <= 262144])
    error_message = "queries: a name has at most 128 characters, a query at most 262144."
  }
}

variable "views" {
  description = "Views by a key of your choice, with their columns in Hive's types."
  type = map(object({
    database = string
    name     = string
    sql      = string
    columns  = list(object({ name = string, type = string }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for view in values(var.views) : can(regex("^[a-z][a-z0-9_]*$", view.name)) && length(view.columns) > 0])
    error_message = "views must be named with lower-case letters, digits and underscores, and have columns."
  }
  validation {
    condition     = alltrue(flatten([for view in values(var.views) : [for column in view.columns : can(regex("^[a-z]+(\\([0-9, ]+\\))?$", column.type))]]))
    error_message = "views: a column's type must be a plain one: Hive and Athena write arrays, maps and structs differently."
  }
}
