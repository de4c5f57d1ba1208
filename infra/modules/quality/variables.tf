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
  description = "A document of rules in DQDL for each table of the catalog, under any name."
  type = map(object({
    database = string
    table    = string
    document = string
  }))
  nullable = false

  validation {
    condition     = alltrue([for set in values(var.rules) : can(regex("^(\\s|#[^\n]*\n)*Rules\\s*=\\s*\\[\\s*[^\\s\\]]", set.document))])
    error_message = "rules: `document` must be DQDL, such as `Rules = [ IsComplete \"order_id\" ]`, with one rule at least."
  }
  validation {
    condition     = alltrue([for set in values(var.rules) : length(set.document) <= 65536])
    error_message = "rules: `document` may have 65,536 characters."
  }
  validation {
    condition     = length(distinct([for set in values(var.rules) : set.table])) == length(var.rules)
    error_message = "rules: a table has one rule set, which is named after it."
  }
}
