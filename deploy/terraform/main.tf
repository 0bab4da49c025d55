# Watchbill's own roles in an account, and what must be heard of though watchbill is dead.
# IAM's events are in us-east-1 alone: give this module a provider of that region.

data "aws_caller_identity" "here" {}

locals {
  account  = data.aws_caller_identity.here.account_id
  ceiling  = "arn:aws:iam::${local.account}:policy/${var.ceiling}"
  instance = try(var.identity_center.instance, "")
  store    = try(var.identity_center.store, "")
  frozen   = try(var.identity_center.policy, "p-none")

  given = {
    for name, policy in local.policies : name => policy
    if contains(var.roles, policy.role)
    && (!policy.optional || contains(var.wished, name))
    && (policy.place != "identity-center" || var.identity_center != null)
  }
  half = min(7, floor(var.horizon_days / 2))
}

resource "aws_iam_policy" "boundary" {
  for_each = var.roles

  name        = "${local.roles[each.key]}-boundary"
  path        = local.own_path
  description = "Bounds ${local.roles[each.key]}, whatever it is given"
  policy      = local.boundaries["${local.roles[each.key]}-boundary"]
}

resource "aws_iam_role" "own" {
  for_each = var.roles

  name                 = local.roles[each.key]
  permissions_boundary = aws_iam_policy.boundary[each.key].arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = var.home_arn }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_policy" "own" {
  for_each = local.given

  name        = each.key
  path        = local.own_path
  description = "Who holds it ${each.value.means}"
  policy      = each.value.document
}

resource "aws_iam_role_policy_attachment" "own" {
  for_each = local.given

  role       = aws_iam_role.own[each.value.role].name
  policy_arn = aws_iam_policy.own[each.key].arn
}
