variable "name" {
  description = "Prefix of the bucket's name."
  type        = string
  default     = "lakewright"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 20
    error_message = "name must be lower-case words joined by hyphens, at most 20 characters: S3 refuses longer bucket names later."
  }
}

variable "region" {
  description = "Region of the bucket."
  type        = string
  default     = "us-east-1"
  nullable    = false
}

variable "dms_roles" {
  description = "Make the two roles that DMS looks for by name; not in an account that has them."
  type        = bool
  default     = true
  nullable    = false
}

variable "force_destroy" {
  description = "Let `terraform destroy` take the states with it."
  type        = bool
  default     = false
  nullable    = false
}

variable "aws_max_retries" {
  description = "How often a call is repeated; an emulated AWS wants few."
  type        = number
  default     = null
}
