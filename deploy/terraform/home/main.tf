# What the identity that watchbill runs with needs: attach these policies to it.

resource "aws_iam_policy" "home" {
  for_each = { for name, policy in local.policies : name => policy if contains(var.roles, policy.role) }

  name        = each.key
  path        = local.own_path
  description = "Who holds it ${each.value.means}"
  policy      = each.value.document
}

output "policy_arns" {
  description = "ARN of each policy by its name."
  value       = { for name, made in aws_iam_policy.home : name => made.arn }
}
