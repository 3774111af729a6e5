select
    orders.order_id,
    orders.customer_id,
    orders.ordered_on,
    orders.status,
    orders.amount,
    coalesce(sum(payments.amount), 0) as paid
from {{ ref('stg_orders') }} as orders
left join {{ ref('stg_payments') }} as payments
    on orders.order_id = payments.order_id
group by all
