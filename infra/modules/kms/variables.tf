variable "name" {
  description = "Lake and environment, such as `shop-dev`: the prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 20
    error_message = "name must be lower-case words joined by hyphens, at most 20 characters: S3 refuses longer bucket names later."
  }
}

variable "services" {
  description = "Services that encrypt with the key for this account: those that publish to topics and deliver logs."
  type        = list(string)
  default = [
    "budgets.amazonaws.com", "cloudtrail.amazonaws.com", "cloudwatch.amazonaws.com", "costalerts.amazonaws.com",
    "delivery.logs.amazonaws.com", "dms.amazonaws.com", "events.amazonaws.com", "sns.amazonaws.com",
  ]
  nullable = false

  validation {
    condition     = alltrue([for service in var.services : endswith(service, ".amazonaws.com")])
    error_message = "services must be names of AWS services, such as events.amazonaws.com."
  }
}

variable "deletion_days" {
  description = "Days between the key's destruction and the loss of everything encrypted with it."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.deletion_days >= 7 && var.deletion_days <= 30
    error_message = "deletion_days must be between 7 and 30: AWS takes no other."
  }
}
