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

variable "secrets" {
  description = "Secrets by name. With a `version` the value is the one of `values`, written again when the number changes; without, somebody else sets it."
  type = map(object({
    description = string
    version     = optional(number)
  }))
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[a-zA-Z0-9/_+=.@-]{1,200}$", name))])
    error_message = "secrets must be named with letters, digits and / _ + = . @ -: Secrets Manager takes no other."
  }
  validation {
    condition     = !anytrue([for name in keys(var.secrets) : can(regex("-[a-zA-Z0-9]{6}$", name))])
    error_message = "secrets must not end in a hyphen and six characters: Secrets Manager adds such an end itself and takes one for the other."
  }
  validation {
    condition     = alltrue([for name, secret in var.secrets : contains(keys(var.values), name) if secret.version != null])
    error_message = "secrets: one with a `version` has no value: pass it, as in TF_VAR_..., or leave the version out and set the value by `aws secretsmanager put-secret-value`."
  }
}

variable "values" {
  description = "Values of the secrets that have a version, as text; a database's is JSON with username, password, host and port."
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true
  ephemeral   = true
}

variable "recovery_days" {
  description = "Days for which a deleted secret can be brought back and its name is taken; 0 deletes at once."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "recovery_days must be 0 or between 7 and 30: Secrets Manager takes no other."
  }
}
