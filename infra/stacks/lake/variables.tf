variable "name" {
  description = "Lake and environment, such as `shop-dev`: the prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 20
    error_message = "name must be lower-case words joined by hyphens, at most 20 characters: S3 refuses longer bucket names later."
  }
}

variable "zones" {
  description = "Zones by name, as the module storage takes them: one holds raw, one logs, one results, the others tables."
  type = map(object({
    holds       = string
    expire_days = optional(number)
    transitions = optional(map(number), {})
  }))
  default = {
    raw     = { holds = "raw", transitions = { GLACIER_IR = 90 } }
    curated = { holds = "tables" }
    logs    = { holds = "logs", transitions = { GLACIER = 90 }, expire_days = 400 }
    results = { holds = "results", expire_days = 30 }
  }
  nullable = false

  validation {
    condition     = alltrue([for kind in ["raw", "logs", "results"] : length([for zone in values(var.zones) : zone if zone.holds == kind]) == 1])
    error_message = "zones: exactly one each must hold raw, logs and results."
  }
}

variable "one_bucket" {
  description = "Keep the zones as prefixes of one bucket instead of a bucket each."
  type        = bool
  default     = false
  nullable    = false
}

variable "disposable" {
  description = "Let `terraform destroy` take data, logs and key with it, as a lake for trying things out should. Never where the data matters."
  type        = bool
  default     = false
  nullable    = false
}

variable "network" {
  description = "A VPC to make or an existing one, routes to databases outside and the databases, as the module network takes them. It has the endpoints that DMS needs, and those of `jobs_in_vpc`, unless others are named."
  type = object({
    vpc = optional(object({ cidr = string, availability_zones = list(string) }))
    existing = optional(object({
      vpc_id          = string
      cidr            = string
      subnet_ids      = list(string)
      route_table_ids = list(string)
    }))
    routes = optional(map(object({
      cidr                      = string
      vpn_gateway_id            = optional(string)
      transit_gateway_id        = optional(string)
      vpc_peering_connection_id = optional(string)
    })), {})
    databases           = optional(map(object({ cidr = string, port = number })), {})
    interface_endpoints = optional(set(string))
  })
  nullable = false
}

variable "tables" {
  description = "Hudi tables by a key of your choice: zone, name, path in the zone, columns with Hive's types; `type` is cow or mor."
  type = map(object({
    zone       = string
    name       = string
    path       = string
    type       = optional(string, "cow")
    columns    = list(object({ name = string, type = string }))
    partitions = optional(list(object({ name = string, type = string })), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for table in values(var.tables) : try(var.zones[table.zone].holds, "") == "tables"])
    error_message = "tables: `zone` must be one that holds tables."
  }
}

variable "crawlers" {
  description = "Crawlers by name: paths in raw, and a cron expression in UTC or nothing."
  type        = map(object({ paths = list(string), schedule = optional(string) }))
  default     = {}
  nullable    = false
}

variable "jobs" {
  description = "Jobs by name, as the module glue-job takes them; `script` is a file in the folder code/ of the logs zone."
  type = map(object({
    description     = string
    script          = string
    arguments       = optional(map(string), {})
    worker_type     = optional(string, "G.1X")
    max_workers     = optional(number, 4)
    timeout_minutes = optional(number, 60)
    retries         = optional(number, 1)
    flexible        = optional(bool, false)
    after           = optional(list(string), [])
  }))
  default  = {}
  nullable = false
}

variable "jobs_in_vpc" {
  description = "Run the jobs in the VPC, from where they reach AWS's services by its endpoints and nothing else. Without it they run in a network of AWS's, which has a way to the internet, start sooner, and five endpoints are not paid for."
  type        = bool
  default     = false
  nullable    = false
}

variable "project" {
  description = "The lake as its jobs take it: rendered/project.json. With it they are told where zones, databases and packages are."
  type        = string
  default     = null
}

variable "start" {
  description = "What starts the jobs: `by` is schedule, arrival (of files in raw) or demand."
  type = object({
    by            = string
    enabled       = optional(bool, true)
    schedule      = optional(string)
    batch_size    = optional(number, 100)
    batch_seconds = optional(number, 300)
  })
  default  = { by = "demand" }
  nullable = false
}

variable "log_days" {
  description = "Days for which the jobs' logs are kept."
  type        = number
  default     = 365
  nullable    = false
}

variable "rules" {
  description = "Documents of rules in DQDL by the key of their table, which is `cow`."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.rules) : try(var.tables[key].type, "") == "cow"])
    error_message = "rules must be about `tables` of type cow: the catalog has none of a mor table's own name."
  }
}

variable "workgroups" {
  description = "Workgroups of Athena by name, with the most that one of their queries may scan in MB."
  type        = map(object({ description = string, scan_limit_mb = number }))
  default     = { analysts = { description = "People and what they use", scan_limit_mb = 102400 } }
  nullable    = false
}

variable "queries" {
  description = "Saved queries by name: workgroup, zone and Athena's SQL."
  type        = map(object({ workgroup = string, zone = string, sql = string, description = optional(string) }))
  default     = {}
  nullable    = false
}

variable "views" {
  description = "Views by name: zone, Athena's SQL and columns with Hive's types."
  type = map(object({
    zone    = string
    sql     = string
    columns = list(object({ name = string, type = string }))
  }))
  default  = {}
  nullable = false
}

variable "analysts" {
  description = "ARNs of the roles or users that may take the role `NAME-analyst`, which queries tables in Athena."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "emails" {
  description = "Addresses that hear of everything."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "watched" {
  description = "What the other stacks run: their outputs `task` and `tasks`, by name."
  type = object({
    dms_tasks      = optional(map(object({ arn = string, dimensions = map(string) })), {})
    datasync_tasks = optional(map(string), {})
  })
  default  = {}
  nullable = false
}

variable "merge_minutes" {
  description = "The longest time between two merges by their schedule: none in three such times is told."
  type        = number
  default     = null
}

variable "capture_minutes" {
  description = "How long ago what a merge finds in raw may have been written; older is told."
  type        = number
  default     = null
}

variable "bucket_limit_gb" {
  description = "Size in GB above which a bucket is worth a look."
  type        = number
  default     = null
}

variable "monthly_usd" {
  description = "Monthly budget of everything that has the tag `Lake` with the lake's name, which must be active as a cost allocation tag."
  type        = number
  default     = null
}

variable "anomaly_usd" {
  description = "Tell of unusual costs of this much and more; in one lake of an account."
  type        = number
  default     = null
}

variable "trail" {
  description = "Keep a trail of all API calls and of who read rows; in one lake of an account, and not where the account has one."
  type        = bool
  default     = false
  nullable    = false
}
