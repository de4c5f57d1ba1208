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

variable "databases" {
  description = "Databases by zone, such as `curated`; their names have the lake's before it."
  type        = map(object({ description = string, location = string }))
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.databases) : can(regex("^[a-z][a-z0-9_]*$", name))])
    error_message = "databases must be named with lower-case letters, digits and underscores: Athena takes no other without quotes."
  }
  validation {
    condition     = alltrue([for database in values(var.databases) : can(regex("^s3://[^/]+/", database.location))])
    error_message = "databases: `location` must be an S3 URI such as s3://BUCKET/curated/."
  }
}

variable "tables" {
  description = "Hudi tables by a key of your choice: their database, folder, columns with Hive's types and partition columns; `type` is cow or mor."
  type = map(object({
    database   = string
    name       = string
    location   = string
    type       = optional(string, "cow")
    columns    = list(object({ name = string, type = string }))
    partitions = optional(list(object({ name = string, type = string })), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for table in values(var.tables) : can(regex("^[a-z][a-z0-9_]{0,127}$", table.name))])
    error_message = "tables must be named with lower-case letters, digits and underscores: Glue lower-cases other letters, and Athena takes no other characters without quotes."
  }
  validation {
    condition     = alltrue([for table in values(var.tables) : contains(keys(var.databases), table.database)])
    error_message = "tables: `database` must be one of `databases`."
  }
  validation {
    condition     = alltrue([for table in values(var.tables) : contains(["cow", "mor"], table.type)])
    error_message = "tables: `type` must be cow or mor."
  }
  validation {
    condition     = alltrue([for table in values(var.tables) : length(distinct([for column in concat(table.columns, table.partitions) : lower(column.name)])) == length(table.columns) + length(table.partitions)])
    error_message = "tables: a column is named twice, among the partition columns too; Glue does not tell capitals apart."
  }
  validation {
    condition     = alltrue([for table in values(var.tables) : length(table.columns) > 0])
    error_message = "tables: a table needs columns."
  }
}

variable "crawlers" {
  description = "Crawlers of raw by name: the database that their tables go to, the folders, the role; without a schedule they run when they are started."
  type = map(object({
    database = string
    paths    = list(string)
    role_arn = string
    schedule = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for crawler in values(var.crawlers) : contains(keys(var.databases), crawler.database) && length(crawler.paths) > 0])
    error_message = "crawlers: `database` must be one of `databases`, and there must be a path."
  }
  validation {
    condition = alltrue(flatten([
      for crawler in values(var.crawlers) : [for path in crawler.paths : [for table in values(var.tables) : !startswith(table.location, path) && !startswith(path, table.location)]]
    ]))
    error_message = "crawlers: a path holds a Hudi table, of which a crawler would register every version of every row. Crawlers serve raw."
  }
  validation {
    condition     = alltrue([for crawler in values(var.crawlers) : crawler.schedule == null || can(regex("^cron\\(.+\\)$", crawler.schedule))])
    error_message = "crawlers: `schedule` must be a cron expression in UTC, such as cron(0 3 * * ? *)."
  }
}

variable "security_configuration" {
  description = "Name of the security configuration that encrypts what crawlers log."
  type        = string
  default     = null
}

variable "statistics" {
  description = "When to compute column statistics of the tables, with the role that starts it and the role that reads the tables."
  type        = object({ schedule = string, scheduler_role_arn = string, glue_role_arn = string })
  default     = null

  validation {
    condition     = var.statistics == null || can(regex("^(cron|rate)\\(.+\\)$", var.statistics.schedule))
    error_message = "statistics: `schedule` must be rate(...) or cron(...), in UTC."
  }
}
