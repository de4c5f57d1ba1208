variable "lake" {
  description = "What terraform.tfvars.json has; ../lake says what that is."
  type        = any
  nullable    = false
}

variable "shop_login" {
  description = "Login of the shop's replication role, given with each plan and kept nowhere: TF_VAR_shop_login."
  type        = object({ username = string, password = string, host = string, port = number })
  nullable    = false
  sensitive   = true
  ephemeral   = true
}

variable "shop_gateway" {
  description = "The way to the network of the shop's database, one of three."
  type = object({
    vpn_gateway_id            = optional(string)
    transit_gateway_id        = optional(string)
    vpc_peering_connection_id = optional(string)
  })
  nullable = false
}

variable "exports" {
  description = "The share that other systems export to, and the activated agents beside it."
  type        = object({ server = string, agent_arns = list(string) })
  nullable    = false
}

variable "aws_max_retries" {
  description = "How often a call is repeated; an emulated AWS wants few."
  type        = number
  default     = null
}
