variable "name" {
  description = "Lake and environment, such as `shop-dev`: the prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 20
    error_message = "name must be lower-case words joined by hyphens, at most 20 characters: S3 refuses longer bucket names later."
  }
}

variable "rules" {
  description = "Rules in DQDL of a table of the catalog, under any name."
  type = map(object({
    database = string
    table    = string
    rules    = list(string)
  }))
  nullable = false

  validation {
    condition     = alltrue([for set in values(var.rules) : length(set.rules) > 0])
    error_message = "rules: a table without rules is left out."
  }
  validation {
    condition     = alltrue(flatten([for set in values(var.rules) : [for rule in set.rules : can(regex("^\\(?\\s*[A-Z][A-Za-z]+", rule)) && !can(regex("^Rules\\s*=", rule))]]))
    error_message = "rules: each is one rule, such as `IsComplete \"order_id\"`, without `Rules = [...]` around it."
  }
  validation {
    condition     = length(distinct([for set in values(var.rules) : set.table])) == length(var.rules)
    error_message = "rules: a table has one rule set, which is named after it."
  }
}
