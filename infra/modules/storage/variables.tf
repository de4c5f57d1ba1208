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
  description = "Zones by name. `holds` is raw, tables, logs or results; `transitions` maps a storage class to days; only logs and results may expire."
  type = map(object({
    holds       = string
    expire_days = optional(number)
    transitions = optional(map(number), {})
  }))
  nullable = false

  validation {
    condition     = alltrue([for zone in keys(var.zones) : can(regex("^[a-z][a-z0-9-]{1,11}$", zone)) && zone != "access"])
    error_message = "zones must be named with 2 to 12 lower-case letters, digits and hyphens, and not `access`, the bucket of the access logs."
  }
  validation {
    condition     = alltrue([for zone in values(var.zones) : contains(["raw", "tables", "logs", "results"], zone.holds)])
    error_message = "zones: `holds` must be raw, tables, logs or results."
  }
  validation {
    condition     = length([for zone in values(var.zones) : zone if zone.holds == "logs"]) <= 1
    error_message = "zones: one at most may hold logs, the zone that CloudTrail and the network's flow logs write to."
  }
  validation {
    condition     = alltrue([for zone in values(var.zones) : zone.expire_days == null if contains(["raw", "tables"], zone.holds)])
    error_message = "zones: raw and tables must not expire: S3 does not know which files a table still needs, `lakewright maintain` does."
  }
  validation {
    condition = alltrue(flatten([
      for zone in values(var.zones) : [
        for class in keys(zone.transitions) : contains(local.readable[zone.holds], class)
      ] if contains(keys(local.readable), zone.holds)
    ]))
    error_message = "zones: a transition must name a storage class that stays readable: STANDARD_IA or INTELLIGENT_TIERING for tables, GLACIER_IR too for raw, GLACIER and DEEP_ARCHIVE too for logs. Athena and Hudi fail on archived files."
  }
  validation {
    condition     = alltrue(flatten([for zone in values(var.zones) : [for class, days in zone.transitions : days >= 30 if endswith(class, "_IA")]]))
    error_message = "zones: S3 moves objects to STANDARD_IA after 30 days at the earliest."
  }
  validation {
    condition = alltrue(flatten([
      for zone in values(var.zones) : [for days in values(zone.transitions) : days < zone.expire_days] if zone.expire_days != null
    ]))
    error_message = "zones: a transition must come before `expire_days`."
  }
}

variable "one_bucket" {
  description = "Keep the zones as prefixes of one bucket instead of a bucket each."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts every bucket but that of the access logs."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not an alias: services compare it with the key that an object names."
  }
}

variable "noncurrent_days" {
  description = "Days for which an overwritten or deleted object can be brought back."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number of at least 1."
  }
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete buckets that still hold objects. Never where the data matters."
  type        = bool
  default     = false
  nullable    = false
}
