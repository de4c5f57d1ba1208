variable "name" {
  description = "Lake and environment, such as `shop-dev`: the prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 20
    error_message = "name must be lower-case words joined by hyphens, at most 20 characters: S3 refuses longer bucket names later."
  }
}

variable "lake" {
  description = "The output `lake` of the stack lake."
  type = object({
    kms_key_arn        = string
    topic_arn          = string
    raw                = object({ bucket = string, bucket_arn = string, prefix = string })
    logs               = object({ bucket_arn = string, prefix = string })
    subnet_ids         = list(string)
    security_group_ids = map(string)
    disposable         = bool
  })
  nullable = false
}

variable "source_name" {
  description = "Name of the database's source, as lake.yaml has it."
  type        = string
  nullable    = false
}

variable "database" {
  description = "Name of the database and how to connect; a verified connection needs the certificate of the authority."
  type = object({
    name               = string
    ssl_mode           = optional(string, "require")
    ca_certificate_pem = optional(string)
    heartbeat_schema   = optional(string, "public")
  })
  nullable = false
}

variable "login" {
  description = "Login of the replication role. It goes to the secret and nowhere else."
  type        = object({ username = string, password = string, host = string, port = number })
  nullable    = false
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = var.login.username != "" && var.login.password != "" && var.login.host != ""
    error_message = "login: user, password and host must not be empty: DMS would fail to connect an hour later."
  }
}

variable "login_version" {
  description = "Write the login again when this number changes."
  type        = number
  default     = 1
  nullable    = false
}

variable "table_mappings" {
  description = "Table mappings in JSON, as the module dms takes them."
  type        = string
  nullable    = false
}

variable "task_settings" {
  description = "Settings of the task in JSON, as the module dms takes them."
  type        = string
  nullable    = false
}

variable "log_days" {
  description = "Days for which the task's log is kept."
  type        = number
  default     = 365
  nullable    = false
}

variable "instance" {
  description = "A replication instance, as the module dms takes it."
  type = object({
    class          = optional(string, "dms.t3.medium")
    storage_gb     = optional(number, 50)
    multi_az       = optional(bool, false)
    engine_version = optional(string)
  })
  default = null
}

variable "serverless" {
  description = "Serverless capacity instead, as the module dms takes it."
  type = object({
    min_capacity = optional(number, 1)
    max_capacity = number
    multi_az     = optional(bool, false)
  })
  default = null
}

variable "start" {
  description = "Start the task with the apply: it loads all tables, then follows."
  type        = bool
  default     = true
  nullable    = false
}
