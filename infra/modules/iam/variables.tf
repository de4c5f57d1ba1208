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

variable "roles" {
  description = "Roles by name. `service` is athena (for people, named by `trusted_arns`), datasync, dms, dms-secrets, events, glue or scheduler; reads and writes are folders of buckets; databases are those of the catalog that it changes, or people look into; network is where jobs of Glue run in a VPC."
  type = map(object({
    service      = string
    description  = string
    trusted_arns = optional(list(string), [])
    reads        = optional(list(object({ bucket_arn = string, prefix = string })), [])
    writes       = optional(list(object({ bucket_arn = string, prefix = string })), [])
    secret_arns  = optional(list(string), [])
    databases    = optional(list(string), [])
    network      = optional(object({ subnet_id = string, security_group_ids = list(string) }))
  }))
  nullable = false

  validation {
    condition     = alltrue([for role in values(var.roles) : contains(["athena", "datasync", "dms", "dms-secrets", "events", "glue", "scheduler"], role.service)])
    error_message = "roles: `service` must be athena, datasync, dms, dms-secrets, events, glue or scheduler."
  }
  validation {
    condition = alltrue([
      for role in values(var.roles) : (length(role.trusted_arns) > 0) == (role.service == "athena") && alltrue([for arn in role.trusted_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:", arn))])
    ])
    error_message = "roles: athena, and it alone, needs `trusted_arns`, whole ARNs of the roles or users that may take it."
  }
  validation {
    condition     = alltrue(flatten([for role in values(var.roles) : [for folder in concat(role.reads, role.writes) : folder.prefix == "" || (endswith(folder.prefix, "/") && !strcontains(folder.prefix, "*"))]]))
    error_message = "roles: a prefix must be empty or end in a slash, without wildcards: `raw` would let a role into `raw-secret` too."
  }
  validation {
    condition     = alltrue(flatten([for role in values(var.roles) : [for arn in role.secret_arns : !strcontains(arn, "*")]]))
    error_message = "roles: a secret is named by its whole ARN."
  }
  validation {
    condition     = alltrue([for role in values(var.roles) : role.service == "glue" if role.network != null])
    error_message = "roles: `network` is glue's alone: no other service makes network interfaces by its role."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of a policy that bounds every role, where the account asks for one."
  type        = string
  default     = null
}
