variable "home_arn" {
  description = "ARN of the role or user that watchbill runs as, which takes these roles."
  type        = string
}

variable "roles" {
  description = "Which roles there are in this account: reader, reconciler (applies plans), responder (freezes people)."
  type        = set(string)
  default     = ["reader"]

  validation {
    condition     = length(setsubtract(var.roles, ["reader", "reconciler", "responder"])) == 0
    error_message = "There are reader, reconciler and responder."
  }
}

variable "wished" {
  description = "Names of policies that not everybody wants watchbill to have: see docs/own-rights.md, and what each says it means."
  type        = set(string)
  default     = []
}

variable "ceiling" {
  description = "Name of the policy, here already, that bounds roles which plans make: the team file's `ceiling`."
  type        = string
}

variable "managed_policies" {
  description = "ARNs of the managed policies that permission sets of the team file name."
  type        = list(string)
  default     = []
}

variable "break_glass_users" {
  description = "IAM users for when all else fails, and others that are never frozen: the responder cannot touch them, and their use is told."
  type        = list(string)
  default     = ["break-glass"]

  validation {
    condition     = length(var.break_glass_users) > 0
    error_message = "Name one at least."
  }
}

variable "identity_center" {
  description = "Where Identity Center is run from this account: the ids of its instance (ssoins-...) and store (d-...), and of the service control policy that lists the frozen (p-...)."
  type = object({
    instance = string
    store    = string
    policy   = optional(string, "p-none")
  })
  default = null
}

variable "heartbeat_seconds" {
  description = "After how long without a pass of watchbill there is an alarm: 86400 at most, a multiple of 60."
  type        = number
  default     = 3600
}

variable "horizon_days" {
  description = "The shortest horizon of the rotas in this account; 0 where there is none. At half of it, or seven days, there is an alarm."
  type        = number
  default     = 0
}
